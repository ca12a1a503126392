package net.harbor.pilot;

import infra.NamedThreads;
import infra.Settings;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.concurrent.locks.StampedLock;

/** Duties that go wrong by what threads share: permits, barriers, locks, queues, files, pipes, tasks. */
final class Wreck {
    private static final int PERMITS = 3;

    private Wreck() {
    }

    /** The duty of that name, null for one that is not known here; {@code call} asks a service. */
    static Duty of(String name, Settings settings, String target, Duty call) throws IOException {
        return switch (name) {
            case "sluice" -> new Sluice(call);
            case "turnstile" -> new Turnstile();
            case "ration" -> new Ration();
            case "promise" -> new Promise();
            case "handover" -> new Handover();
            case "assembly" -> new Assembly(settings.number("threads", 8) * 50);
            case "hatch" -> new Hatch();
            case "figurehead" -> new Figurehead();
            case "ledger" -> new Ledger();
            case "bilge" -> new Bilge();
            case "locker" -> new Locker(URI.create(target));
            case "relay" -> new Relay(call, settings.number("fleet", 4), settings.text("fleetCrew", "sail-"));
            case "clock" -> new Clock(call, settings.text("fleetCrew", "sail-"));
            case "whirl" -> new Whirl();
            case "siesta" -> new Siesta();
            case "orphan" -> new Orphan();
            case "stamp" -> new Stamp();
            case "brood" -> new Brood();
            case "flood" -> new Flood();
            case "litter" -> new Litter(URI.create(target));
            case "chart" -> new Chart();
            default -> null;
        };
    }

    /** Readers ask a service; one that wants to write waits for them, and all later readers wait behind it. */
    static final class Sluice extends Duty {
        private final ReentrantReadWriteLock gate = new ReentrantReadWriteLock();
        private final AtomicInteger ships = new AtomicInteger();
        private final Duty call;

        Sluice(Duty call) {
            this.call = call;
        }

        @Override
        String perform() throws IOException, InterruptedException {
            var side = ships.getAndIncrement() == 1 ? gate.writeLock() : gate.readLock();
            side.lock();
            try {
                return call.perform();
            } finally {
                side.unlock();
            }
        }
    }

    /** Takes a permit, and gives none back where the work fails. */
    static final class Turnstile extends Duty {
        private final Semaphore permits = new Semaphore(PERMITS);

        @Override
        String perform() throws IOException, InterruptedException {
            permits.acquire();
            check();
            permits.release();
            return "through\n";
        }

        private void check() throws IOException {
            throw new IOException("no ticket");
        }
    }

    /** A bucket of tokens, written by hand; the thread that fills it has ended. */
    static final class Ration extends Duty {
        private int tokens = PERMITS;

        @Override
        synchronized String perform() throws InterruptedException {
            while (tokens == 0) {
                wait();
            }
            tokens--;
            return "served\n";
        }
    }

    /** A chain of stages whose first is never completed. */
    static final class Promise extends Duty {
        private final List<CompletableFuture<String>> given = new ArrayList<>();

        @Override
        String perform() throws IOException, InterruptedException {
            CompletableFuture<String> first = new CompletableFuture<>();
            synchronized (given) {
                given.add(first);
            }
            try {
                return first.thenApply(String::strip).thenApply(word -> word + "\n").get();
            } catch (ExecutionException e) {
                throw new IOException(e);
            }
        }
    }

    /** Hands over to somebody who does not come. */
    static final class Handover extends Duty {
        private final BlockingQueue<String> hands = new SynchronousQueue<>();

        @Override
        String perform() throws InterruptedException {
            hands.put("parcel");
            return "given\n";
        }
    }

    /** Waits until more have come than there are threads. */
    static final class Assembly extends Duty {
        private final CyclicBarrier everybody;

        Assembly(int parties) {
            this.everybody = new CyclicBarrier(parties);
        }

        @Override
        String perform() throws IOException, InterruptedException {
            try {
                return everybody.await() + "\n";
            } catch (BrokenBarrierException e) {
                throw new IOException(e);
            }
        }
    }

    /** Wants a lock on a file that another program has. */
    static final class Hatch extends Duty {
        private static final String HOLDER = "import fcntl,time; f=open('hatch.lock','w'); fcntl.lockf(f,fcntl.LOCK_EX); print(1,flush=True); time.sleep(900)";

        Hatch() throws IOException {
            new ProcessBuilder("python3", "-c", HOLDER).start().getInputStream().read();
        }

        @Override
        synchronized String perform() throws IOException {
            try (RandomAccessFile file = new RandomAccessFile("hatch.lock", "rw"); var lock = file.getChannel().lock()) {
                return lock.isValid() + "\n";
            }
        }
    }

    /** Two classes whose initialisers need each other. */
    static final class Figurehead extends Duty {
        private final AtomicInteger turns = new AtomicInteger();

        @Override
        String perform() {
            return (turns.getAndIncrement() % 2 == 0 ? Bow.SIZE : Stern.SIZE) + "\n";
        }

        private static int slowly(int size) {
            try {
                settle();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return size;
        }

        private static final class Bow {
            static final int SIZE = slowly(1) + Stern.SIZE;
        }

        private static final class Stern {
            static final int SIZE = slowly(2) + Bow.SIZE;
        }
    }

    /** Writes long lines to a console that nobody reads. */
    static final class Ledger extends Duty {
        @Override
        String perform() {
            for (int line = 0; line < 100; line++) {
                System.out.println("entry ".repeat(200));
            }
            return "entered\n";
        }
    }

    /** Reads what a program writes that writes nothing and does not end. */
    static final class Bilge extends Duty {
        @Override
        String perform() throws IOException {
            try (InputStream water = new ProcessBuilder("sleep", "600").start().getInputStream()) {
                return water.readAllBytes().length + "\n";
            }
        }
    }

    /** A pool of connections, written by hand; who fails does not give his back. */
    static final class Locker extends Duty {
        private final URI target;
        private final ArrayDeque<Socket> free = new ArrayDeque<>();
        private int open;

        Locker(URI target) {
            this.target = target;
        }

        private synchronized Socket lease() throws IOException, InterruptedException {
            while (free.isEmpty() && open == PERMITS) {
                wait();
            }
            if (free.isEmpty()) {
                open++;
                return new Socket(target.getHost(), target.getPort());
            }
            return free.remove();
        }

        private synchronized void giveBack(Socket socket) {
            free.add(socket);
            notifyAll();
        }

        @Override
        String perform() throws IOException, InterruptedException {
            Socket socket = lease();
            socket.getOutputStream().write("GET /tide HTTP/1.1\r\nHost: tide\r\n\r\n".getBytes());
            if (socket.getInputStream().read() == 'H') {
                throw new IOException("not what was asked for");
            }
            giveBack(socket);
            return "done\n";
        }
    }

    /** Hands on to a pool that hands on to another. */
    static final class Relay extends Duty {
        private final ExecutorService near;
        private final ExecutorService far;
        private final Duty call;

        Relay(Duty call, int size, String crew) {
            this.call = call;
            this.near = Executors.newFixedThreadPool(size, new NamedThreads(crew));
            this.far = Executors.newFixedThreadPool(size, new NamedThreads("far" + crew));
        }

        @Override
        String perform() throws IOException, InterruptedException {
            try {
                return near.submit(() -> far.submit(call::perform).get()).get();
            } catch (ExecutionException e) {
                throw new IOException(e);
            }
        }
    }

    /** Plans its work on the only thread of a scheduler. */
    static final class Clock extends Duty {
        private final ScheduledExecutorService tower;
        private final Duty call;

        Clock(Duty call, String crew) {
            this.call = call;
            this.tower = Executors.newScheduledThreadPool(1, new NamedThreads(crew));
        }

        @Override
        String perform() throws IOException, InterruptedException {
            try {
                return tower.schedule(call::perform, 5, TimeUnit.MILLISECONDS).get();
            } catch (ExecutionException e) {
                throw new IOException(e);
            }
        }
    }

    /** Looks for the end of a list that is a ring. */
    static final class Whirl extends Duty {
        private final int[] next = {1, 2, 0};

        @Override
        String perform() {
            int place = 0;
            while (place >= 0) {
                place = next[place];
            }
            return "out\n";
        }
    }

    /** Sleeps with a monitor that every request wants. */
    static final class Siesta extends Duty {
        @Override
        synchronized String perform() throws InterruptedException {
            Thread.sleep(600_000);
            return "awake\n";
        }
    }

    /** A lock whose owner has ended without giving it back. */
    static final class Orphan extends Duty {
        private final ReentrantLock lock = new ReentrantLock();

        Orphan() {
            Thread owner = new Thread(lock::lock);
            owner.start();
            try {
                owner.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        String perform() {
            lock.lock();
            lock.unlock();
            return "mine\n";
        }
    }

    /** A stamped lock that was taken for writing, and never given back. */
    static final class Stamp extends Duty {
        private final StampedLock lock = new StampedLock();

        Stamp() {
            lock.writeLock();
        }

        @Override
        String perform() {
            lock.unlockRead(lock.readLock());
            return "read\n";
        }
    }

    /** A pool for each request, and none is ever shut down. */
    static final class Brood extends Duty {
        @Override
        String perform() throws IOException, InterruptedException {
            try {
                return Executors.newFixedThreadPool(1).submit(() -> "hatched\n").get();
            } catch (ExecutionException e) {
                throw new IOException(e);
            }
        }
    }

    /** Answers with more than any buffer holds. */
    static final class Flood extends Duty {
        @Override
        String perform() {
            return "x".repeat(60_000_000);
        }
    }

    /** Opens a connection for each request, reads its answer and forgets it. */
    static final class Litter extends Duty {
        private final URI target;
        private final List<Socket> left = new ArrayList<>();

        Litter(URI target) {
            this.target = target;
        }

        @Override
        String perform() throws IOException {
            Socket socket = new Socket(target.getHost(), target.getPort());
            synchronized (left) {
                left.add(socket);
            }
            socket.getOutputStream().write("GET /tide HTTP/1.1\r\nHost: tide\r\n\r\n".getBytes());
            return socket.getInputStream().read() + "\n";
        }
    }

    /** Asks for an address that no name server tells. */
    static final class Chart extends Duty {
        private final AtomicInteger ports = new AtomicInteger();

        @Override
        String perform() throws IOException {
            return InetAddress.getByName("port-" + ports.getAndIncrement() + ".harbor.example").getHostAddress();
        }
    }
}
