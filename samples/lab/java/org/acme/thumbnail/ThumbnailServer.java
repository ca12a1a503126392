package org.acme.thumbnail;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Settings;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Scales a picture in a pool made for this one request, and never shuts the pool down. */
public final class ThumbnailServer {
    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        HttpServer server = Exchanges.server(settings.number("port", 8460), settings.number("threads", 10), "thumbnail-http-");
        server.createContext("/scale/", ThumbnailServer::scale);
        server.start();
    }

    private static void scale(HttpExchange exchange) throws IOException {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        Callable<String> work = () -> "scaled";
        try {
            Exchanges.answer(exchange, pool.submit(work).get());
        } catch (InterruptedException | ExecutionException e) {
            throw new IOException(e);
        }
    }
}
