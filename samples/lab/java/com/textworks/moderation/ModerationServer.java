package com.textworks.moderation;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import java.util.regex.Pattern;

/** Finds texts that shout the same thing twice, with a pattern that backtracks without end on some others. */
public final class ModerationServer {
    private static final Pattern SHOUTING = Pattern.compile("((\\w+\\s?)+)!\\1");

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        HttpServer server = Exchanges.server(settings.number("port", 8500), settings.number("threads", 8), "moderation-");
        server.createContext("/check/", ModerationServer::check);
        server.start();
    }

    private static void check(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, Boolean.toString(isShouting(exchange.getRequestURI().getPath().substring(7))));
        }
    }

    private static boolean isShouting(String text) {
        return SHOUTING.matcher(text).matches();
    }
}
