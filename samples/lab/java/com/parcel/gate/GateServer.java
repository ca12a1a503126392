package com.parcel.gate;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs every scan in full to the console, with logback's default configuration. */
public final class GateServer {
    private static final Logger LOG = LoggerFactory.getLogger(GateServer.class);
    private static final String SCAN = "barcode 00340434161094042557 ".repeat(100);

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        HttpServer server = Exchanges.server(settings.number("port", 8300), settings.number("threads", 16), "gate-");
        server.createContext("/scan/", GateServer::scan);
        server.start();
    }

    private static void scan(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            LOG.info("scanned {}", SCAN);
            Exchanges.answer(exchange, "ok");
        }
    }
}
