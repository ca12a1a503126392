package net.example.bank;

import infra.Journal;
import infra.Settings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.net.Socket;

/** One thread for each connection; requests are lines of the form GET /balance/1 or GET /transfer/1/2. */
public final class TransferServer {
    private final Account[] accounts = {new Account(), new Account()};

    public static void main(String[] args) throws IOException {
        TransferServer server = new TransferServer();
        int number = 0;
        try (ServerSocket listener = new ServerSocket(new Settings(args).number("port", 6010), 200)) {
            while (true) {
                Socket socket = listener.accept();
                new Thread(() -> server.serve(socket), "conn-" + ++number).start();
            }
        }
    }

    private void serve(Socket socket) {
        String local = socket.getLocalAddress().getHostAddress() + ":" + socket.getLocalPort();
        String remote = socket.getInetAddress().getHostAddress() + ":" + socket.getPort();
        try (socket; Journal serves = Journal.serves(local, remote)) {
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            String[] words = in.readLine().split(" ")[1].substring(1).split("/");
            for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
                // Headers say nothing to this server.
            }
            String body = Long.toString(handle(words));
            socket.getOutputStream().write(("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body).getBytes());
        } catch (IOException e) {
            System.err.println("connection lost: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private long handle(String[] words) throws InterruptedException {
        Account account = accounts[Integer.parseInt(words[1]) - 1];
        if (words[0].equals("transfer")) {
            account.transferTo(accounts[Integer.parseInt(words[2]) - 1], 100);
        }
        return account.balance();
    }
}
