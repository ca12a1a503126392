package com.tripline.maps;

import infra.NamedThreads;
import infra.Settings;
import java.io.IOException;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

/** Looks at the headers of map tiles with OkHttp; the responses are remembered and never closed. */
public final class TileClient {
    private final OkHttpClient client = new OkHttpClient();
    private final Queue<Response> seen = new ConcurrentLinkedQueue<>();
    private final String tiles;

    private TileClient(String tiles) {
        this.tiles = tiles;
    }

    public static void main(String[] args) {
        TileClient client = new TileClient(new Settings(args).text("tiles", ""));
        ScheduledExecutorService timer = Executors.newScheduledThreadPool(2, new NamedThreads("tile-check-"));
        timer.scheduleAtFixedRate(client::checkAll, 0, 6, TimeUnit.SECONDS);
    }

    private void checkAll() {
        for (int tile = 0; tile < 20; tile++) {
            try {
                Request request = new Request.Builder().url(tiles + "/tile/" + tile).build();
                seen.add(client.newCall(request).execute());
            } catch (IOException e) {
                System.err.println("no tile: " + e);
            }
        }
    }
}
