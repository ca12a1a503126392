package com.company;

import infra.Journal;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;

/** Reads to the end of the stream, never closes, and sleeps in CLOSE_WAIT. */
public final class Client {
    @SuppressWarnings("resource")
    public static void main(String[] args) throws Exception {
        Socket socket = new Socket(InetAddress.getByName("localhost"), 12345);
        Journal.holds("127.0.0.1:" + socket.getLocalPort(), "127.0.0.1:12345");
        InputStream in = socket.getInputStream();
        int c;
        while ((c = in.read()) != -1) {
            System.out.write(c);
        }
        System.out.flush();
        Thread.sleep(Integer.MAX_VALUE);
    }
}
