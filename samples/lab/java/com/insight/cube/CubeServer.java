package com.insight.cube;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Sums over a cube that fills the heap almost to its limit: each request needs a little more than there is. */
public final class CubeServer {
    private static final int BLOCK = 256 * 1024;
    private static final List<byte[]> CUBE = new ArrayList<>();

    /** A field, because the compiler would not allocate what no one else can see. */
    private static volatile byte[] partial;

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        for (int block = 0; block < settings.number("blocks", 0); block++) {
            CUBE.add(new byte[BLOCK]);
        }
        HttpServer server = Exchanges.server(settings.number("port", 8720), settings.number("threads", 8), "cube-http-");
        server.createContext("/sum/", CubeServer::sum);
        server.start();
    }

    private static void sum(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, Long.toString(total()));
        }
    }

    private static long total() {
        long total = 0;
        for (int round = 0; round < 100_000_000; round++) {
            partial = new byte[BLOCK];
            total += partial[round % BLOCK] + CUBE.size();
        }
        return total;
    }
}
