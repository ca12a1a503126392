package net.harbor.pilot;

import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;

/** Lets so many pieces of work in at a time; whoever brings the next one waits, be it the thread that accepts. */
final class Gate implements Executor {
    private final Executor crew;
    private final Semaphore room;

    Gate(Executor crew, int size) {
        this.crew = crew;
        this.room = new Semaphore(size);
    }

    @Override
    public void execute(Runnable work) {
        room.acquireUninterruptibly();
        crew.execute(() -> {
            try {
                work.run();
            } finally {
                room.release();
            }
        });
    }
}
