package infra;

/** Settings of a program: name=value words of its command line. */
public final class Settings {
    private final String[] words;

    public Settings(String[] words) {
        this.words = words;
    }

    public String text(String name, String otherwise) {
        for (String word : words) {
            if (word.startsWith(name + "=")) {
                return word.substring(name.length() + 1);
            }
        }
        return otherwise;
    }

    public int number(String name, int otherwise) {
        return Integer.parseInt(text(name, Integer.toString(otherwise)));
    }
}
