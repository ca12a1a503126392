package org.acme.billing;

import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;

/** Renders an invoice with a template that it fetches over HTTP, in the calling thread and without a time limit. */
public final class InvoiceRenderer {
    private final String templates;

    public InvoiceRenderer(String templates) {
        this.templates = templates;
    }

    public String render(String number) throws IOException {
        return fetchTemplate("invoice.html").replace("{number}", number);
    }

    private String fetchTemplate(String name) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(templates + "/" + name).openConnection();
        try (InputStream body = connection.getInputStream()) {
            return new String(body.readAllBytes());
        }
    }
}
