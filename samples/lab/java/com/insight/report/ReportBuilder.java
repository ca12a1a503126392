package com.insight.report;

import infra.Journal;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/** Builds a report's chapters as tasks of the pool that the report itself runs in. */
final class ReportBuilder {
    private static final long QUERY_MILLIS = 300;

    private final ExecutorService pool;

    ReportBuilder(ExecutorService pool) {
        this.pool = pool;
    }

    String build(String report) throws InterruptedException, ExecutionException {
        try (Journal runs = Journal.runs(report)) {
            Thread.sleep(QUERY_MILLIS);
            List<Future<String>> chapters = new ArrayList<>();
            for (String title : List.of("sales", "returns")) {
                chapters.add(pool.submit(() -> title));
            }
            StringBuilder text = new StringBuilder();
            for (Future<String> chapter : chapters) {
                try (Journal waits = Journal.waits(Journal.task(), "report-worker-")) {
                    text.append(chapter.get());
                }
            }
            return text.toString();
        }
    }
}
