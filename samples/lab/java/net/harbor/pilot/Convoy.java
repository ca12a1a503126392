package net.harbor.pilot;

import infra.NamedThreads;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

/** Duties that are shared out to other threads, or that need something that others hold. */
final class Convoy {
    private Convoy() {
    }

    private static String quietly(Duty duty) {
        try {
            return duty.perform();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Hands the call to the common pool. */
    static final class Spread extends Duty {
        private final Duty duty;

        Spread(Duty duty) {
            this.duty = duty;
        }

        @Override
        String perform() {
            return CompletableFuture.supplyAsync(() -> quietly(duty)).join();
        }
    }

    /** Hands the call to a pool of its own. */
    static final class Fleet extends Duty {
        private final Duty duty;
        private final ExecutorService sails;

        Fleet(Duty duty, int size, String crew) {
            this.duty = duty;
            this.sails = Executors.newFixedThreadPool(size, new NamedThreads(crew));
        }

        @Override
        String perform() throws IOException, InterruptedException {
            try {
                return sails.submit(() -> quietly(duty)).get();
            } catch (ExecutionException e) {
                throw new IOException(e);
            }
        }
    }

    /** Hands the call to a new thread, and waits for its end. */
    static final class Dinghy extends Duty {
        private final Duty duty;

        Dinghy(Duty duty) {
            this.duty = duty;
        }

        @Override
        String perform() throws InterruptedException {
            Thread boat = new Thread(() -> quietly(duty));
            boat.start();
            boat.join();
            return "back\n";
        }
    }

    /** Makes two calls in a parallel stream. */
    static final class Stream extends Duty {
        private final Duty duty;

        Stream(Duty duty) {
            this.duty = duty;
        }

        @Override
        String perform() {
            return IntStream.range(0, 2).parallel().mapToObj(number -> quietly(duty)).reduce("", String::concat);
        }
    }

    /** Tasks that wait for tasks of the same pool. */
    static final class Nested extends Duty {
        private final ExecutorService sails;

        Nested(int size, String crew) {
            this.sails = Executors.newFixedThreadPool(size, new NamedThreads(crew));
        }

        @Override
        String perform() throws IOException, InterruptedException {
            try {
                return sails.submit(this::trim).get();
            } catch (ExecutionException e) {
                throw new IOException(e);
            }
        }

        private String trim() throws Exception {
            settle();
            return sails.submit(() -> "trimmed\n").get();
        }
    }

    /** Two locks, taken in either order. */
    static final class Knot extends Duty {
        private final Object port = new Object();
        private final Object starboard = new Object();
        private final AtomicInteger turns = new AtomicInteger();

        @Override
        String perform() throws InterruptedException {
            return turns.getAndIncrement() % 2 == 0 ? tie(port, starboard) : tie(starboard, port);
        }

        private static String tie(Object first, Object second) throws InterruptedException {
            synchronized (first) {
                settle();
                synchronized (second) {
                    return "tied\n";
                }
            }
        }
    }

    /** Makes its call in a monitor that every request wants. */
    static final class Guard extends Duty {
        private final Duty duty;

        Guard(Duty duty) {
            this.duty = duty;
        }

        @Override
        synchronized String perform() throws IOException, InterruptedException {
            return duty.perform();
        }
    }
}
