package org.acme.stock;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;

/** Stock. What is available is the stock less what the order service has reserved. */
public final class StockService {
    private final String orders;

    private StockService(String orders) {
        this.orders = orders;
    }

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        StockService service = new StockService(settings.text("orders", ""));
        HttpServer server = Exchanges.server(settings.number("port", 8202), settings.number("threads", 10), "stock-http-");
        server.createContext("/available/", service::available);
        server.start();
    }

    private void available(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, "available less " + askOrders("4711"));
        }
    }

    private String askOrders(String article) throws IOException {
        try (InputStream body = new URL(orders + "/reserved/" + article).openStream()) {
            return new String(body.readAllBytes());
        }
    }
}
