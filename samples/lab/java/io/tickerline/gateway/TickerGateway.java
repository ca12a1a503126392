package io.tickerline.gateway;

import infra.Settings;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;

/** A Netty server with few event loops. */
public final class TickerGateway {
    public static void main(String[] args) throws InterruptedException {
        Settings settings = new Settings(args);
        String exchange = settings.text("exchange", "");
        ServerBootstrap server = new ServerBootstrap();
        server.group(new NioEventLoopGroup(1), new NioEventLoopGroup(settings.number("loops", 4)));
        server.channel(NioServerSocketChannel.class).childHandler(new ChannelInitializer<SocketChannel>() {
            @Override
            protected void initChannel(SocketChannel channel) {
                channel.pipeline().addLast(new HttpServerCodec(), new HttpObjectAggregator(65536), new TickerHandler(exchange));
            }
        });
        server.bind(settings.number("port", 7070)).sync().channel().closeFuture().sync();
    }
}
