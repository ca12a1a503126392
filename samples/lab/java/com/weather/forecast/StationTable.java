package com.weather.forecast;

import java.io.IOException;

/** Loads itself over HTTP in its static initialiser: whoever runs that, or waits for it, keeps its carrier. */
final class StationTable {
    private static final String TABLE = load();

    private StationTable() {
    }

    static String nearest() {
        return TABLE;
    }

    private static String load() {
        try {
            return ForecastServer.ask("/stations");
        } catch (IOException e) {
            return "";
        }
    }
}
