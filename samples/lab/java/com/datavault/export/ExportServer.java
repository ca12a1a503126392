package com.datavault.export;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import java.io.OutputStream;

/** Large exports, written by the worker for as long as the reader takes. */
public final class ExportServer {
    private static final byte[] BLOCK = new byte[64 * 1024];
    private static final int BLOCKS = 256;

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        HttpServer server = Exchanges.server(settings.number("port", 8600), settings.number("threads", 12), "export-http-");
        server.createContext("/export/", ExportServer::export);
        server.start();
    }

    private static void export(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            exchange.sendResponseHeaders(200, (long) BLOCK.length * BLOCKS);
            try (OutputStream body = exchange.getResponseBody()) {
                for (int block = 0; block < BLOCKS; block++) {
                    body.write(BLOCK);
                }
            }
        }
    }
}
