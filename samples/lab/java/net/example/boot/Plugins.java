package net.example.boot;

/** Needs Registry to initialise itself, and Registry needs this. */
final class Plugins {
    static final int LOADED = load();

    private Plugins() {
    }

    private static int load() {
        BootServer.pause();
        return Registry.PLUGINS + 1;
    }
}
