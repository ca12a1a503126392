package com.company;

import java.io.IOException;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.net.Socket;

/** Sends some data and exits: the active close is the server's. */
public final class Server {
    public static void main(String[] args) throws IOException {
        try (ServerSocket listener = new ServerSocket(12345); Socket socket = listener.accept()) {
            OutputStream out = socket.getOutputStream();
            out.write("Hello World\n".getBytes());
            out.flush();
        }
    }
}
