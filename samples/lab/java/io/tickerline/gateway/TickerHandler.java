package io.tickerline.gateway;

import infra.Journal;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;

/** Asks the exchange with a blocking call, in the event loop itself. */
final class TickerHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
    private final String exchange;

    TickerHandler(String exchange) {
        this.exchange = exchange;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) throws IOException {
        String local = context.channel().localAddress().toString().substring(1);
        String remote = context.channel().remoteAddress().toString().substring(1);
        try (Journal serves = Journal.serves(local, remote)) {
            byte[] body = lastPrice();
            DefaultFullHttpResponse answer =
                    new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.wrappedBuffer(body));
            answer.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.length);
            context.writeAndFlush(answer);
        }
    }

    private byte[] lastPrice() throws IOException {
        try (InputStream in = new URL(exchange + "/last").openStream()) {
            return in.readAllBytes();
        }
    }
}
