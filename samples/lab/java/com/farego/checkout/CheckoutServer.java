package com.farego.checkout;

import com.farego.payment.PaymentGateway;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.AbstractHandler;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/** Checkout on Jetty: every order is authorised by the payment provider. */
public final class CheckoutServer extends AbstractHandler {
    private final PaymentGateway payment;

    private CheckoutServer(PaymentGateway payment) {
        this.payment = payment;
    }

    public static void main(String[] args) throws Exception {
        Settings settings = new Settings(args);
        Server server = new Server(new QueuedThreadPool(settings.number("threads", 40)));
        ServerConnector connector = new ServerConnector(server, 1, 1);
        connector.setPort(settings.number("port", 9090));
        server.addConnector(connector);
        int perRoute = settings.number("maxPerRoute", 64);
        server.setHandler(new CheckoutServer(new PaymentGateway(settings.text("provider", ""), perRoute)));
        server.start();
        server.join();
    }

    @Override
    public void handle(String path, Request base, HttpServletRequest request, HttpServletResponse response) throws IOException {
        base.setHandled(true);
        String local = request.getLocalAddr() + ":" + request.getLocalPort();
        String remote = request.getRemoteAddr() + ":" + request.getRemotePort();
        try (Journal serves = Journal.serves(local, remote)) {
            String order = path.substring(path.lastIndexOf('/') + 1);
            if (path.startsWith("/status/")) {
                response.getWriter().println(payment.isSettled(order));
            } else {
                response.getWriter().println(payment.authorize(order));
            }
        }
    }
}
