package org.acme.feeds;

import infra.Journal;
import infra.NamedThreads;
import infra.Settings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Fetches exchange rates again and again. Each session is remembered under a new key and never closed. */
public final class RateFeed {
    private final Map<Long, Socket> sessions = new ConcurrentHashMap<>();
    private final AtomicLong sequence = new AtomicLong();
    private final InetSocketAddress source;

    private RateFeed(InetSocketAddress source) {
        this.source = source;
    }

    public static void main(String[] args) {
        Settings settings = new Settings(args);
        RateFeed feed = new RateFeed(new InetSocketAddress(settings.text("host", "127.0.0.1"), settings.number("source", 8443)));
        ScheduledExecutorService timer = Executors.newScheduledThreadPool(4, new NamedThreads("rate-feed-"));
        for (int feeds = 0; feeds < 4; feeds++) {
            timer.scheduleAtFixedRate(feed::refreshAll, 0, 6, TimeUnit.SECONDS);
        }
    }

    private void refreshAll() {
        for (int currency = 0; currency < 8; currency++) {
            refresh();
        }
    }

    @SuppressWarnings("resource")
    private void refresh() {
        try {
            Socket socket = new Socket(source.getAddress(), source.getPort());
            sessions.put(sequence.incrementAndGet(), socket);
            String remote = source.getAddress().getHostAddress() + ":" + source.getPort();
            Journal.holds(socket.getLocalAddress().getHostAddress() + ":" + socket.getLocalPort(), remote);
            socket.getOutputStream().write("GET /rates HTTP/1.1\r\nHost: rates\r\n\r\n".getBytes());
            new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
        } catch (IOException e) {
            System.err.println("no rates: " + e);
        }
    }
}
