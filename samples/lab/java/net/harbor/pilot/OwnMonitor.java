package net.harbor.pilot;

import java.util.ArrayDeque;
import java.util.concurrent.Executor;

/** A pool written by hand: threads that wait for a monitor. */
final class OwnMonitor implements Executor {
    private final ArrayDeque<Runnable> waiting = new ArrayDeque<>();

    OwnMonitor(int threads, String prefix) {
        for (int number = 1; number <= threads; number++) {
            new Thread(this::watch, prefix + number).start();
        }
    }

    private void watch() {
        try {
            while (true) {
                next().run();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized Runnable next() throws InterruptedException {
        while (waiting.isEmpty()) {
            wait();
        }
        return waiting.remove();
    }

    @Override
    public synchronized void execute(Runnable work) {
        waiting.add(work);
        notifyAll();
    }
}
