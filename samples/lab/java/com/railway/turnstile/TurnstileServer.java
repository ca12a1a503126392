package com.railway.turnstile;

import infra.NamedThreads;
import infra.Settings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Opens turnstiles. Against floods the acceptor pauses after each connection, before it hands it to a worker. */
public final class TurnstileServer {
    private static final long PAUSE_MILLIS = 20;

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        ServerSocket listener = new ServerSocket(settings.number("port", 8360), settings.number("backlog", 20));
        ExecutorService workers = Executors.newFixedThreadPool(settings.number("threads", 20), new NamedThreads("turnstile-"));
        for (int worker = 0; worker < settings.number("threads", 20); worker++) {
            workers.submit(() -> { });
        }
        new Thread(() -> acceptLoop(listener, workers), "turnstile-acceptor").start();
    }

    private static void acceptLoop(ServerSocket listener, ExecutorService workers) {
        while (true) {
            try {
                Socket socket = listener.accept();
                throttle();
                workers.submit(() -> open(socket));
            } catch (IOException e) {
                System.err.println("connection lost: " + e);
            }
        }
    }

    private static void throttle() {
        try {
            Thread.sleep(PAUSE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void open(Socket socket) {
        try (socket; InputStream in = socket.getInputStream(); OutputStream out = socket.getOutputStream()) {
            new BufferedReader(new InputStreamReader(in)).readLine();
            out.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nopen\n".getBytes());
        } catch (IOException e) {
            System.err.println("connection lost: " + e);
        }
    }
}
