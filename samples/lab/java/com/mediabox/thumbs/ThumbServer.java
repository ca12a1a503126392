package com.mediabox.thumbs;

import infra.EmbeddedTomcat;
import infra.Settings;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Thumbnails from a file; every request opens it once more, for a cache that never closes anything. */
public final class ThumbServer extends HttpServlet {
    private final transient List<InputStream> cache = new CopyOnWriteArrayList<>();

    public static void main(String[] args) throws Exception {
        Files.writeString(Path.of("thumb.jpg"), "thumbnail");
        EmbeddedTomcat.serve(new Settings(args), new ThumbServer());
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        InputStream thumb = new FileInputStream("thumb.jpg");
        cache.add(thumb);
        response.getOutputStream().write(thumb.readAllBytes());
    }
}
