package net.mailhub.reply;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;

/** One connection to Redis, in its own protocol: words go out with their lengths, and an answer comes back. */
final class RedisConnection {
    private final Socket socket;
    private final BufferedReader in;

    RedisConnection(String address) throws IOException {
        int colon = address.lastIndexOf(':');
        socket = new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
        in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
    }

    String call(String... words) throws IOException {
        StringBuilder out = new StringBuilder("*" + words.length + "\r\n");
        for (String word : words) {
            out.append('$').append(word.length()).append("\r\n").append(word).append("\r\n");
        }
        socket.getOutputStream().write(out.toString().getBytes());
        return answer();
    }

    /** A number or a status is one line; a word is two, its length and itself; a list is its length and its words. */
    private String answer() throws IOException {
        String line = in.readLine();
        if (line.startsWith("*")) {
            String last = "";
            for (int n = Integer.parseInt(line.substring(1)); n > 0; n--) {
                last = answer();
            }
            return last;
        }
        return line.startsWith("$") ? in.readLine() : line.substring(1);
    }
}
