package org.acme.orders;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;

/** Orders. To place one it asks the stock service; the stock service asks here how much is reserved. */
public final class OrderService {
    private static final long VALIDATION_MILLIS = 300;

    private final String stock;

    private OrderService(String stock) {
        this.stock = stock;
    }

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        OrderService service = new OrderService(settings.text("stock", ""));
        HttpServer server = Exchanges.server(settings.number("port", 8201), settings.number("threads", 10), "order-http-");
        server.createContext("/orders/", service::place);
        server.createContext("/reserved/", exchange -> Exchanges.answer(exchange, "3"));
        server.start();
    }

    private void place(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Thread.sleep(VALIDATION_MILLIS);
            Exchanges.answer(exchange, askStock("4711"));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private String askStock(String article) throws IOException {
        try (InputStream body = new URL(stock + "/available/" + article).openStream()) {
            return new String(body.readAllBytes());
        }
    }
}
