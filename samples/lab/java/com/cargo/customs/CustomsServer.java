package com.cargo.customs;

import infra.EmbeddedTomcat;
import infra.Journal;
import infra.Settings;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;

/** Asks a tariff service, with a connection of its own for each question, that this side closes first. */
public final class CustomsServer extends HttpServlet {
    private final String tariffs;

    private CustomsServer(String tariffs) {
        this.tariffs = tariffs;
    }

    public static void main(String[] args) throws Exception {
        System.setProperty("http.keepAlive", "false");
        Settings settings = new Settings(args);
        EmbeddedTomcat.serve(settings, new CustomsServer(settings.text("tariffs", "")));
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String local = request.getLocalAddr() + ":" + request.getLocalPort();
        String remote = request.getRemoteAddr() + ":" + request.getRemotePort();
        try (Journal serves = Journal.serves(local, remote)) {
            response.getWriter().println(tariff());
        }
    }

    private String tariff() throws IOException {
        try (InputStream body = new URL(tariffs + "/tariff").openStream()) {
            return new String(body.readAllBytes());
        } catch (IOException e) {
            System.err.println("no tariff: " + e);
            throw e;
        }
    }
}
