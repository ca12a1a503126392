package io.quoteboard;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;

/** Quotes of instruments with two legs; everything asynchronous runs in the common pool, which has few threads. */
public final class QuoteBoard {
    private static final long SPREAD_MILLIS = 200;

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        HttpServer server = Exchanges.server(settings.number("port", 5080), settings.number("threads", 24), "board-http-");
        server.createContext("/quote/", QuoteBoard::quote);
        server.start();
    }

    private static void quote(HttpExchange exchange) throws IOException {
        String task = Journal.task();
        try (Journal serves = Exchanges.serves(exchange); Journal waits = Journal.waits(task, "ForkJoinPool.commonPool-worker-")) {
            Exchanges.answer(exchange, CompletableFuture.supplyAsync(() -> priceLegs(task)).join());
        }
    }

    /** Waits in a worker of the common pool for two more tasks of the common pool. */
    private static String priceLegs(String task) {
        try (Journal runs = Journal.runs(task)) {
            Thread.sleep(SPREAD_MILLIS);
            CountDownLatch legs = new CountDownLatch(2);
            CompletableFuture.runAsync(legs::countDown);
            CompletableFuture.runAsync(legs::countDown);
            legs.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return "101.25";
    }
}
