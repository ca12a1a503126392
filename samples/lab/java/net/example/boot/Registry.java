package net.example.boot;

/** Needs Plugins to initialise itself, and Plugins needs this. */
final class Registry {
    static final int PLUGINS = count();

    private Registry() {
    }

    private static int count() {
        BootServer.pause();
        return Plugins.LOADED;
    }
}
