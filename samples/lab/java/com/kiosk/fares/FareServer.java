package com.kiosk.fares;

import infra.EmbeddedTomcat;
import infra.Settings;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** Fares for ticket machines, which all ask at the full minute. An answer takes no time. */
public final class FareServer extends HttpServlet {
    public static void main(String[] args) throws Exception {
        EmbeddedTomcat.serve(new Settings(args), new FareServer());
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        response.getWriter().println("zone A 2.90, zone B 3.40");
    }
}
