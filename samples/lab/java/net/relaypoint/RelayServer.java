package net.relaypoint;

import infra.Journal;
import infra.Settings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.net.Socket;

/** A relay whose acceptor itself reads the first line of each connection: one silent client stops them all. */
public final class RelayServer {
    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        ServerSocket listener = new ServerSocket(settings.number("port", 6800), settings.number("backlog", 50));
        new Thread(() -> acceptLoop(listener), "relay-acceptor").start();
    }

    private static void acceptLoop(ServerSocket listener) {
        while (true) {
            try {
                Socket socket = listener.accept();
                greet(socket);
            } catch (IOException e) {
                System.err.println("connection lost: " + e);
            }
        }
    }

    private static void greet(Socket socket) throws IOException {
        String local = socket.getLocalAddress().getHostAddress() + ":" + socket.getLocalPort();
        String remote = socket.getInetAddress().getHostAddress() + ":" + socket.getPort();
        try (Journal serves = Journal.serves(local, remote)) {
            String greeting = new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
            new Thread(() -> relay(socket, greeting), "relay-" + socket.getPort()).start();
        }
    }

    private static void relay(Socket socket, String greeting) {
        try (socket) {
            socket.getOutputStream().write(("HTTP/1.1 200 OK\r\nContent-Length: " + greeting.length() + "\r\n\r\n" + greeting).getBytes());
        } catch (IOException e) {
            System.err.println("connection lost: " + e);
        }
    }
}
