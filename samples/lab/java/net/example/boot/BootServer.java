package net.example.boot;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;

/** Two pages use two classes whose initialisers need each other; the first visitors come at the same time. */
public final class BootServer {
    private static final long READING_MILLIS = 500;

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        HttpServer server = Exchanges.server(settings.number("port", 8910), settings.number("threads", 14), "boot-http-");
        server.createContext("/registry/", exchange -> show(exchange, true));
        server.createContext("/plugins/", exchange -> show(exchange, false));
        server.start();
    }

    static void pause() {
        try {
            Thread.sleep(READING_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void show(HttpExchange exchange, boolean registry) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, Integer.toString(registry ? Registry.PLUGINS : Plugins.LOADED));
        }
    }
}
