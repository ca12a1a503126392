package org.acme.billing;

import infra.EmbeddedTomcat;
import infra.Journal;
import infra.Settings;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** Invoices, and the templates they are made of, from one server. */
public final class BillingServer extends HttpServlet {
    private static final long LOOKUP_MILLIS = 250;

    private final transient InvoiceRenderer renderer;

    private BillingServer(InvoiceRenderer renderer) {
        this.renderer = renderer;
    }

    public static void main(String[] args) throws Exception {
        Settings settings = new Settings(args);
        String own = "http://127.0.0.1:" + settings.text("port", "9080");
        InvoiceRenderer renderer = new InvoiceRenderer(settings.text("templates", own + "/templates"));
        EmbeddedTomcat.serve(settings, new BillingServer(renderer));
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String local = request.getLocalAddr() + ":" + request.getLocalPort();
        String remote = request.getRemoteAddr() + ":" + request.getRemotePort();
        try (Journal serves = Journal.serves(local, remote)) {
            if (request.getRequestURI().startsWith("/templates/")) {
                response.getWriter().println("<h1>Invoice {number}</h1>");
            } else {
                response.getWriter().println(invoice(request.getRequestURI()));
            }
        }
    }

    private String invoice(String path) throws IOException {
        try {
            Thread.sleep(LOOKUP_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return renderer.render(path.substring(path.lastIndexOf('/') + 1));
    }
}
