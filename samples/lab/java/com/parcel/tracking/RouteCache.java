package com.parcel.tracking;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.util.concurrent.locks.ReentrantLock;

/** The current routes, refreshed by whoever finds them old, over HTTP and with the lock held. */
final class RouteCache {
    private static final long MAX_AGE_NANOS = 1_000_000_000L;

    private final ReentrantLock lock = new ReentrantLock();
    private final String planner;
    private String routes = "";
    private long loaded = System.nanoTime() - 2 * MAX_AGE_NANOS;

    RouteCache(String planner) {
        this.planner = planner;
    }

    String routes() throws IOException {
        lock.lock();
        try {
            if (System.nanoTime() - loaded > MAX_AGE_NANOS) {
                refresh();
            }
            return routes;
        } finally {
            lock.unlock();
        }
    }

    private void refresh() throws IOException {
        try (InputStream body = new URL(planner + "/routes").openStream()) {
            routes = new String(body.readAllBytes());
            loaded = System.nanoTime();
        }
    }
}
