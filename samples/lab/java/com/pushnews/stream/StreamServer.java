package com.pushnews.stream;

import infra.EmbeddedTomcat;
import infra.Settings;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** A stream of news: each request is parked without a time limit for news that never come, and never completed. */
public final class StreamServer extends HttpServlet {
    private final transient Queue<AsyncContext> subscribers = new ConcurrentLinkedQueue<>();

    public static void main(String[] args) throws Exception {
        EmbeddedTomcat.serve(new Settings(args), new StreamServer());
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) {
        AsyncContext subscriber = request.startAsync();
        subscriber.setTimeout(0);
        subscribers.add(subscriber);
    }
}
