package com.pushnews.pulse;

import infra.Settings;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** A pulse for every subscriber, twice a second. What it writes fits into the send buffers for hours. */
public final class PulseServer {
    private static final Queue<Socket> SUBSCRIBERS = new ConcurrentLinkedQueue<>();
    private static final long PULSE_MILLIS = 500;

    public static void main(String[] args) throws IOException {
        ServerSocket listener = new ServerSocket(new Settings(args).number("port", 9310), 50);
        new Thread(() -> accept(listener), "pulse-acceptor").start();
        Executors.newSingleThreadScheduledExecutor(work -> new Thread(work, "pulse-sender"))
                .scheduleAtFixedRate(PulseServer::pulse, PULSE_MILLIS, PULSE_MILLIS, TimeUnit.MILLISECONDS);
    }

    private static void accept(ServerSocket listener) {
        while (true) {
            try {
                SUBSCRIBERS.add(listener.accept());
            } catch (IOException e) {
                System.err.println("no subscriber: " + e);
            }
        }
    }

    private static void pulse() {
        for (Socket subscriber : SUBSCRIBERS) {
            try {
                subscriber.getOutputStream().write("pulse\n".getBytes());
            } catch (IOException e) {
                SUBSCRIBERS.remove(subscriber);
            }
        }
    }
}
