package net.harbor.pilot;

import infra.NamedThreads;
import infra.Settings;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;

/** Threads beside the server that wait by design: for messages of a broker, for work of a queue. */
final class Listeners {
    private Listeners() {
    }

    /** As many of each kind as the settings say; none without them. */
    static void start(Settings settings) throws IOException {
        ThreadFactory readers = new NamedThreads(settings.text("listenerCrew", "listener-"));
        for (int number = settings.number("subscribers", 0); number > 0; number--) {
            URI broker = URI.create(settings.text("broker", ""));
            Socket socket = new Socket(broker.getHost(), broker.getPort());
            socket.getOutputStream().write("SUBSCRIBE tides\r\n\r\n".getBytes());
            readers.newThread(() -> hear(socket)).start();
        }
        ThreadFactory takers = new NamedThreads(settings.text("takerCrew", "taker-"));
        LinkedBlockingQueue<Runnable> work = new LinkedBlockingQueue<>();
        for (int number = settings.number("takers", 0); number > 0; number--) {
            takers.newThread(() -> take(work)).start();
        }
    }

    private static void hear(Socket socket) {
        try {
            while (socket.getInputStream().read() >= 0) {
                Thread.onSpinWait();
            }
        } catch (IOException e) {
            System.err.println(e);
        }
    }

    private static void take(LinkedBlockingQueue<Runnable> work) {
        try {
            while (true) {
                work.take().run();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
