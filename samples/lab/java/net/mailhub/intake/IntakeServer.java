package net.mailhub.intake;

import infra.Journal;
import infra.NamedThreads;
import infra.Settings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Blocking input and a pool of threads: a connection keeps its thread until the client closes it. */
public final class IntakeServer {
    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        ExecutorService pool = Executors.newFixedThreadPool(settings.number("threads", 20), new NamedThreads("intake-"));
        try (ServerSocket listener = new ServerSocket(settings.number("port", 2525), 100)) {
            while (true) {
                Socket socket = listener.accept();
                pool.execute(() -> serve(socket));
            }
        }
    }

    private static void serve(Socket socket) {
        String local = socket.getLocalAddress().getHostAddress() + ":" + socket.getLocalPort();
        String remote = socket.getInetAddress().getHostAddress() + ":" + socket.getPort();
        try (socket; Journal serves = Journal.serves(local, remote)) {
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            while (readRequest(in)) {
                socket.getOutputStream().write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".getBytes());
            }
        } catch (IOException e) {
            System.err.println("connection lost: " + e);
        }
    }

    /** False at the end of the stream. */
    private static boolean readRequest(BufferedReader in) throws IOException {
        String line = in.readLine();
        while (line != null && !line.isEmpty()) {
            line = in.readLine();
        }
        return line != null;
    }
}
