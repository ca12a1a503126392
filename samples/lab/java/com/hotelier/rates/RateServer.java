package com.hotelier.rates;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import org.apache.commons.pool2.BasePooledObjectFactory;
import org.apache.commons.pool2.PooledObject;
import org.apache.commons.pool2.impl.DefaultPooledObject;
import org.apache.commons.pool2.impl.GenericObjectPool;

/** Prices a stay with an engine lent from commons-pool; a stay without a rate forgets to give its engine back. */
public final class RateServer {
    private static final GenericObjectPool<StringBuilder> ENGINES = new GenericObjectPool<>(new EngineFactory());

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        HttpServer server = Exchanges.server(settings.number("port", 8640), settings.number("threads", 18), "rates-http-");
        server.createContext("/stay/", RateServer::stay);
        server.start();
    }

    private static void stay(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, price(exchange.getRequestURI().getPath()));
        }
    }

    private static String price(String stay) throws IOException {
        try {
            StringBuilder engine = ENGINES.borrowObject();
            if (stay.endsWith("/unknown")) {
                return "no rate";
            }
            ENGINES.returnObject(engine);
            return "120";
        } catch (Exception e) {
            throw new IOException(e);
        }
    }

    private static final class EngineFactory extends BasePooledObjectFactory<StringBuilder> {
        @Override
        public StringBuilder create() {
            return new StringBuilder();
        }

        @Override
        public PooledObject<StringBuilder> wrap(StringBuilder engine) {
            return new DefaultPooledObject<>(engine);
        }
    }
}
