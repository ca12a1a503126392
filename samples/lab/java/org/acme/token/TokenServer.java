package org.acme.token;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.HexFormat;

/** Tokens of the strongest randomness that the JDK has: each is read from the blocking source. */
public final class TokenServer {
    private static final int TOKEN_BYTES = 32;

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        HttpServer server = Exchanges.server(settings.number("port", 8770), settings.number("threads", 14), "token-http-");
        server.createContext("/token/", TokenServer::give);
        server.start();
    }

    private static void give(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, newToken());
        }
    }

    private static String newToken() {
        try {
            byte[] token = new byte[TOKEN_BYTES];
            SecureRandom.getInstanceStrong().nextBytes(token);
            return HexFormat.of().formatHex(token);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
