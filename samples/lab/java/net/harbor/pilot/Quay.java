package net.harbor.pilot;

import infra.Journal;
import infra.Settings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.UUID;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLServerSocketFactory;

/** A listener, and what is said over its connections: HTTP/1.1 as far as it takes. */
final class Quay {
    private final ServerSocket listener;
    private final Duty duty;
    private final boolean keepsAlive;
    private final boolean forgets;
    private final boolean renames;

    Quay(Settings settings, Duty duty) throws IOException {
        int port = settings.number("port", 8080);
        this.listener = settings.text("tls", "false").equals("true")
                ? SSLServerSocketFactory.getDefault().createServerSocket(port, 100) : new ServerSocket(port, 100);
        this.duty = duty;
        this.keepsAlive = settings.text("keepAlive", "true").equals("true");
        this.renames = settings.text("renames", "false").equals("true");
        this.forgets = settings.text("forgets", "false").equals("true");
    }

    /** One thread accepts, others serve. */
    void open(Executor crew) throws IOException {
        while (true) {
            Socket ship = listener.accept();
            crew.execute(() -> moor(ship));
        }
    }

    /** Each thread accepts for itself. */
    void openTogether(int threads, String prefix) {
        for (int number = 1; number <= threads; number++) {
            new Thread(this::takeTurns, prefix + number).start();
        }
    }

    private void takeTurns() {
        while (true) {
            try {
                moor(listener.accept());
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private void moor(Socket ship) {
        try {
            BufferedReader in = new BufferedReader(new InputStreamReader(ship.getInputStream()));
            for (String path = hail(in); path != null; path = keepsAlive ? hail(in) : null) {
                if (renames) {
                    Thread.currentThread().setName("GET " + path + " " + UUID.randomUUID());
                }
                try (Journal serves = Journal.serves(text(ship.getLocalSocketAddress()), text(ship.getRemoteSocketAddress()))) {
                    respond(ship, duty.answer(path));
                }
            }
            if (!forgets) {
                ship.close();
            }
        } catch (IOException e) {
            System.err.println(e);
        }
    }

    /** The path of the next request, null at the end. */
    private static String hail(BufferedReader in) throws IOException {
        String first = in.readLine();
        for (String line = first; line != null && !line.isEmpty();) {
            line = in.readLine();
        }
        return first == null ? null : first.split(" ")[1];
    }

    private static void respond(Socket ship, String body) throws IOException {
        byte[] bytes = body.getBytes();
        String head = "HTTP/1.1 200 OK\r\nContent-Length: " + bytes.length + "\r\n\r\n";
        ship.getOutputStream().write(head.getBytes());
        ship.getOutputStream().write(bytes);
    }

    private static String text(Object address) {
        return address.toString().substring(address.toString().indexOf('/') + 1);
    }
}
