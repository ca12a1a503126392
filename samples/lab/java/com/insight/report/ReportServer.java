package com.insight.report;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.NamedThreads;
import infra.Settings;
import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Reports, built in a pool of their own. */
public final class ReportServer {
    private final ExecutorService pool;

    private ReportServer(ExecutorService pool) {
        this.pool = pool;
    }

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        int builders = settings.number("builders", 8);
        ReportServer reports = new ReportServer(Executors.newFixedThreadPool(builders, new NamedThreads("report-worker-")));
        HttpServer server = Exchanges.server(settings.number("port", 7080), settings.number("threads", 20), "http-worker-");
        server.createContext("/report/", reports::report);
        server.start();
    }

    private void report(HttpExchange exchange) throws IOException {
        String task = Journal.task();
        try (Journal serves = Exchanges.serves(exchange); Journal waits = Journal.waits(task, "report-worker-")) {
            Exchanges.answer(exchange, pool.submit(() -> new ReportBuilder(pool).build(task)).get());
        } catch (InterruptedException | ExecutionException e) {
            throw new IOException(e);
        }
    }
}
