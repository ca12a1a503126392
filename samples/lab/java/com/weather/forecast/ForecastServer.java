package com.weather.forecast;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URL;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Forecasts; each request has a virtual thread of its own. */
public final class ForecastServer {
    private static String model;

    public static void main(String[] args) throws IOException, ReflectiveOperationException {
        Settings settings = new Settings(args);
        model = settings.text("model", "");
        HttpServer server = HttpServer.create(new InetSocketAddress(settings.number("port", 8700)), 100);
        // By name, because the laboratory is compiled with a JDK that does not have virtual threads yet.
        server.setExecutor((ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null));
        server.createContext("/forecast/", ForecastServer::forecast);
        server.createContext("/station/", ForecastServer::station);
        server.start();
    }

    static String ask(String path) throws IOException {
        try (InputStream body = new URL(model + path).openStream()) {
            return new String(body.readAllBytes());
        }
    }

    /** Waits for the model in the virtual thread, which gives its carrier away meanwhile. */
    private static void forecast(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, ask("/run"));
        }
    }

    private static void station(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, StationTable.nearest());
        }
    }
}
