package net.harbor.pilot;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executor;

/** A pool written by hand: threads that take from a bounded queue. */
final class OwnQueue implements Executor {
    private static final int LENGTH = 50;

    private final BlockingQueue<Runnable> waiting = new ArrayBlockingQueue<>(LENGTH);

    OwnQueue(int threads, String prefix) {
        for (int number = 1; number <= threads; number++) {
            new Thread(this::watch, prefix + number).start();
        }
    }

    private void watch() {
        try {
            while (true) {
                waiting.take().run();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void execute(Runnable work) {
        try {
            waiting.put(work);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
