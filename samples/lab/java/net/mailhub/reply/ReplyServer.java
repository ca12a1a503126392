package net.mailhub.reply;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;

/** One request waits for the reply to a letter, another one brings it; both go over Redis, by the few connections of one pool. */
public final class ReplyServer {
    private final RedisPool pool;

    private ReplyServer(RedisPool pool) {
        this.pool = pool;
    }

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        ReplyServer replies = new ReplyServer(new RedisPool(settings.text("redis", "127.0.0.1:6379"), settings.number("pool", 4)));
        HttpServer server = Exchanges.server(settings.number("port", 8420), settings.number("threads", 8), "reply-http-");
        server.createContext("/await/", replies::awaitReply);
        server.createContext("/bring/", replies::bringReply);
        server.start();
    }

    private void awaitReply(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, pool.call("BLPOP", letter(exchange), "0"));
        }
    }

    private void bringReply(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, pool.call("RPUSH", letter(exchange), "thanks"));
        }
    }

    private static String letter(HttpExchange exchange) {
        String path = exchange.getRequestURI().getPath();
        return "reply:" + path.substring(path.lastIndexOf('/') + 1);
    }
}
