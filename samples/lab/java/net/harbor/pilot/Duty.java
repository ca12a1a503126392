package net.harbor.pilot;

import infra.Settings;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/** What a request asks for, and what may go wrong with it. Every duty answers the path /tide at once. */
abstract class Duty {
    private static final long SETTLE_MILLIS = 400;

    /** The duty of that name; {@code target} is what it calls. */
    static Duty of(String name, Settings settings) throws IOException {
        String target = settings.text("target", "http://127.0.0.1:" + settings.text("port", "8080") + "/tide");
        return switch (name) {
            case "fetch" -> new Fetch(target);
            case "exchange" -> new Exchange(target);
            case "plain" -> new Plain(URI.create(target));
            case "berth" -> new Berth(target);
            case "signal" -> new Signal();
            case "spread" -> new Convoy.Spread(new Fetch(target));
            case "fleet" -> new Convoy.Fleet(new Fetch(target), settings.number("fleet", 4), settings.text("fleetCrew", "sail-"));
            case "dinghy" -> new Convoy.Dinghy(new Fetch(target));
            case "stream" -> new Convoy.Stream(new Fetch(target));
            case "nested" -> new Convoy.Nested(settings.number("fleet", 4), settings.text("fleetCrew", "sail-"));
            case "knot" -> new Convoy.Knot();
            case "guard" -> new Convoy.Guard(new Fetch(target));
            case "radio" -> new Radio(target);
            case "logbook" -> new Logbook();
            case "tug" -> new Tug(settings.text("tug", "sleep 600"));
            case "retry" -> new Retry(URI.create(target));
            case "poll" -> new Poll(settings.number("millis", 2000));
            default -> {
                Duty wreck = Wreck.of(name, settings, target, new Fetch(target));
                yield wreck == null ? new Ready() : wreck;
            }
        };
    }

    final String answer(String path) throws IOException {
        try {
            return path.equals("/tide") ? "high\n" : perform();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    abstract String perform() throws IOException, InterruptedException;

    /** A burst is at the door before the first of it goes on. */
    static void settle() throws InterruptedException {
        Thread.sleep(SETTLE_MILLIS);
    }

    private static final class Ready extends Duty {
        @Override
        String perform() {
            return "ready\n";
        }
    }

    /** Reads the answer of a service in the request's thread, without a time limit. */
    private static final class Fetch extends Duty {
        private final String target;

        Fetch(String target) {
            this.target = target;
        }

        @Override
        String perform() throws IOException, InterruptedException {
            settle();
            HttpURLConnection call = (HttpURLConnection) URI.create(target).toURL().openConnection();
            try (InputStream body = call.getInputStream()) {
                return new String(body.readAllBytes());
            }
        }
    }

    /** Waits for an asynchronous call: the thread that waits has no socket. */
    private static final class Exchange extends Duty {
        private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        private final HttpRequest request;

        Exchange(String target) {
            this.request = HttpRequest.newBuilder(URI.create(target)).build();
        }

        @Override
        String perform() throws InterruptedException {
            settle();
            return client.sendAsync(request, HttpResponse.BodyHandlers.ofString()).join().body();
        }
    }

    /** Waits in the JDK's HTTP client, which calls in threads of its own. */
    private static final class Radio extends Duty {
        private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        private final HttpRequest request;

        Radio(String target) {
            this.request = HttpRequest.newBuilder(URI.create(target)).build();
        }

        @Override
        String perform() throws IOException, InterruptedException {
            settle();
            return client.send(request, HttpResponse.BodyHandlers.ofString()).body();
        }
    }

    /** Speaks a protocol of its own over a socket of its own. */
    private static final class Plain extends Duty {
        private final URI target;

        Plain(URI target) {
            this.target = target;
        }

        @Override
        String perform() throws IOException, InterruptedException {
            settle();
            try (Socket socket = new Socket(target.getHost(), target.getPort())) {
                socket.getOutputStream().write("GET /tide HTTP/1.1\r\nHost: tide\r\n\r\n".getBytes());
                return Integer.toString(socket.getInputStream().read());
            }
        }
    }

    /** Asks the service with a lock held that every request wants. */
    private static final class Berth extends Duty {
        private final ReentrantLock lock = new ReentrantLock();
        private final Fetch fetch;

        Berth(String target) {
            this.fetch = new Fetch(target);
        }

        @Override
        String perform() throws IOException, InterruptedException {
            lock.lock();
            try {
                return fetch.perform();
            } finally {
                lock.unlock();
            }
        }
    }

    /** Waits for a signal that nobody gives. */
    private static final class Signal extends Duty {
        @Override
        String perform() throws InterruptedException {
            new CountDownLatch(1).await();
            return "seen\n";
        }
    }

    /** Writes into a bounded queue whose only reader ends with the first entry. */
    private static final class Logbook extends Duty {
        private final BlockingQueue<String> entries = new ArrayBlockingQueue<>(1);
        private final AtomicInteger pages = new AtomicInteger();

        Logbook() {
            Thread writer = new Thread(() -> {
                while (true) {
                    try {
                        write(entries.take());
                    } catch (InterruptedException e) {
                        return;
                    }
                }
            }, "ink");
            writer.setDaemon(true);
            writer.start();
        }

        private void write(String entry) {
            if (pages.incrementAndGet() > 0) {
                throw new IllegalStateException("no page left for " + entry);
            }
        }

        @Override
        String perform() throws InterruptedException {
            entries.put("arrived");
            return "written\n";
        }
    }

    /** Waits for a program that does not end. */
    private static final class Tug extends Duty {
        private final String command;

        Tug(String command) {
            this.command = command;
        }

        @Override
        String perform() throws IOException, InterruptedException {
            return new ProcessBuilder(command.split(" ")).start().waitFor() + "\n";
        }
    }

    /** Tries again and again, with a pause between, and writes a line each time. */
    private static final class Retry extends Duty {
        private static final long PAUSE_MILLIS = 1500;

        private final URI target;

        Retry(URI target) {
            this.target = target;
        }

        @Override
        String perform() throws InterruptedException {
            while (true) {
                try (Socket socket = new Socket(target.getHost(), target.getPort())) {
                    return "reached\n";
                } catch (IOException e) {
                    System.out.println("[" + Thread.currentThread().getName() + "] " + target.getAuthority() + " failed: " + e);
                    Thread.sleep(PAUSE_MILLIS);
                }
            }
        }
    }

    /** Keeps the client waiting for news, for a while: a long poll. */
    private static final class Poll extends Duty {
        private final Object news = new Object();
        private final long millis;

        Poll(long millis) {
            this.millis = millis;
        }

        @Override
        String perform() throws InterruptedException {
            synchronized (news) {
                news.wait(millis);
            }
            return "no news\n";
        }
    }
}
