package com.farego.payment;

import java.io.IOException;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClients;
import org.apache.http.util.EntityUtils;

/** The payment provider's HTTP interface, through one pooled client without any time limit. */
public final class PaymentGateway {
    private final CloseableHttpClient client;
    private final String provider;

    public PaymentGateway(String provider, int maxPerRoute) {
        this.provider = provider;
        client = HttpClients.custom().setMaxConnPerRoute(maxPerRoute).setMaxConnTotal(2 * maxPerRoute).build();
    }

    /** Asks, reads the answer to its end and gives the connection back. */
    public String authorize(String order) throws IOException {
        try (CloseableHttpResponse response = client.execute(new HttpGet(provider + "/authorize/" + order))) {
            return EntityUtils.toString(response.getEntity());
        }
    }

    /** Looks at the status alone. The response is neither read nor closed, so its connection stays lent. */
    public boolean isSettled(String order) throws IOException {
        return client.execute(new HttpGet(provider + "/status/" + order)).getStatusLine().getStatusCode() == 200;
    }
}
