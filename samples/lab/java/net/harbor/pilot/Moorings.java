package net.harbor.pilot;

import infra.Journal;
import infra.NamedThreads;
import infra.Settings;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.concurrent.DefaultEventExecutorGroup;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.apache.mina.core.service.IoHandlerAdapter;
import org.apache.mina.core.session.IoSession;
import org.apache.mina.filter.codec.ProtocolCodecFilter;
import org.apache.mina.filter.codec.textline.TextLineCodecFactory;
import org.apache.mina.filter.executor.ExecutorFilter;
import org.apache.mina.transport.socket.nio.NioSocketAcceptor;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.AbstractHandler;
import org.eclipse.jetty.util.thread.ExecutorThreadPool;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.simpleframework.http.core.ContainerServer;
import org.simpleframework.transport.connect.SocketConnection;
import org.xnio.OptionMap;
import org.xnio.Options;
import org.xnio.StreamConnection;
import org.xnio.Xnio;
import org.xnio.XnioWorker;
import org.xnio.channels.Channels;

/** The same duty behind libraries that serve: each with the threads that it makes itself, or with those of the application. */
final class Moorings {
    private static final String HEAD = "HTTP/1.1 200 OK\r\nContent-Length: ";

    private Moorings() {
    }

    /** Serves until the process ends; false for a kind that is none of these. */
    static boolean open(String kind, Settings settings, Duty duty) throws Exception {
        int port = settings.number("port", 8080);
        int threads = settings.number("threads", 8);
        String crew = settings.text("crew", "pilot-");
        switch (kind) {
            case "jetty" -> jetty(port, new Server(named(new QueuedThreadPool(threads + 3, threads + 3), crew)), duty);
            case "jettyOwn" -> jetty(port, new Server(new ExecutorThreadPool(pool(threads + 3, crew))), duty);
            case "netty" -> netty(port, new NioEventLoopGroup(threads, new NamedThreads(crew)), null, duty);
            case "nettyOwn" -> netty(port, new NioEventLoopGroup(2), new DefaultEventExecutorGroup(threads, new NamedThreads(crew)), duty);
            case "mina" -> mina(port, Executors.newFixedThreadPool(threads, new NamedThreads(crew)), duty);
            case "xnio" -> xnio(port, threads, crew, duty);
            case "simple" -> new SocketConnection(new ContainerServer((ask, reply) -> {
                try (PrintStream out = reply.getPrintStream()) {
                    out.print(duty.answer(ask.getPath().getPath()));
                } catch (IOException e) {
                    System.err.println(e);
                }
            }, threads)).connect(new InetSocketAddress(port));
            default -> {
                return false;
            }
        }
        return true;
    }

    /** One new virtual thread for each piece of work; compiled for runtimes that do not know them. */
    static Executor virtual() throws ReflectiveOperationException {
        return (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
    }

    private static java.util.concurrent.ThreadPoolExecutor pool(int threads, String crew) {
        return (java.util.concurrent.ThreadPoolExecutor) Executors.newFixedThreadPool(threads, new NamedThreads(crew));
    }

    private static QueuedThreadPool named(QueuedThreadPool threads, String crew) {
        threads.setName(crew);
        return threads;
    }

    private static void jetty(int port, Server server, Duty duty) throws Exception {
        ServerConnector connector = new ServerConnector(server, 1, 1);
        connector.setPort(port);
        server.addConnector(connector);
        server.setHandler(new AbstractHandler() {
            @Override
            public void handle(String path, Request base, HttpServletRequest request, HttpServletResponse response) throws IOException {
                base.setHandled(true);
                String local = request.getLocalAddr() + ":" + request.getLocalPort();
                try (Journal serves = Journal.serves(local, request.getRemoteAddr() + ":" + request.getRemotePort())) {
                    response.getWriter().print(duty.answer(path));
                }
            }
        });
        server.start();
    }

    private static void netty(int port, NioEventLoopGroup loops, DefaultEventExecutorGroup crew, Duty duty) {
        ServerBootstrap server = new ServerBootstrap();
        server.group(new NioEventLoopGroup(1), loops).channel(NioServerSocketChannel.class);
        server.childHandler(new ChannelInitializer<SocketChannel>() {
            @Override
            protected void initChannel(SocketChannel channel) {
                channel.pipeline().addLast(new HttpServerCodec(), new HttpObjectAggregator(65536)).addLast(crew, new NettyHandler(duty));
            }
        });
        server.bind(port).syncUninterruptibly();
    }

    /** Answers in whatever thread Netty runs it. */
    private static final class NettyHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
        private final Duty duty;

        NettyHandler(Duty duty) {
            this.duty = duty;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) throws IOException {
            String local = context.channel().localAddress().toString().substring(1);
            try (Journal serves = Journal.serves(local, context.channel().remoteAddress().toString().substring(1))) {
                byte[] body = duty.answer(request.uri()).getBytes(StandardCharsets.UTF_8);
                DefaultFullHttpResponse answer =
                        new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.wrappedBuffer(body));
                answer.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.length);
                context.writeAndFlush(answer);
            }
        }
    }

    private static void mina(int port, Executor crew, Duty duty) throws IOException {
        NioSocketAcceptor acceptor = new NioSocketAcceptor(2);
        acceptor.getFilterChain().addLast("lines", new ProtocolCodecFilter(new TextLineCodecFactory(StandardCharsets.UTF_8, "\r\n", "\r\n")));
        acceptor.getFilterChain().addLast("crew", new ExecutorFilter(crew));
        acceptor.setHandler(new IoHandlerAdapter() {
            @Override
            public void messageReceived(IoSession session, Object message) throws IOException {
                String line = message.toString();
                if (line.startsWith("GET ")) {
                    session.setAttribute("path", line.split(" ")[1]);
                } else if (line.isEmpty()) {
                    String body = duty.answer(session.getAttribute("path").toString());
                    session.write(HEAD + body.length() + "\r\n\r\n" + body.strip());
                }
            }

            @Override
            public void inputClosed(IoSession session) {
                session.closeOnFlush();
            }
        });
        acceptor.bind(new InetSocketAddress(port));
    }

    private static void xnio(int port, int threads, String crew, Duty duty) throws IOException {
        OptionMap settings = OptionMap.builder()
                .set(Options.WORKER_IO_THREADS, 2).set(Options.WORKER_TASK_CORE_THREADS, threads)
                .set(Options.WORKER_TASK_MAX_THREADS, threads).set(Options.WORKER_NAME, crew.strip()).getMap();
        XnioWorker worker = Xnio.getInstance().createWorker(settings);
        worker.createStreamConnectionServer(new InetSocketAddress(port), listener -> {
            try {
                for (StreamConnection met = listener.accept(); met != null; met = listener.accept()) {
                    StreamConnection ship = met;
                    ship.getSourceChannel().setReadListener(source -> {
                        ByteBuffer text = ByteBuffer.allocate(4096);
                        try {
                            if (source.read(text) < 0) {
                                ship.close();
                                return;
                            }
                        } catch (IOException e) {
                            return;
                        }
                        source.suspendReads();
                        String path = new String(text.array(), 0, text.position(), StandardCharsets.UTF_8).split(" ")[1];
                        worker.execute(() -> tell(ship, duty, path));
                    });
                    ship.getSourceChannel().resumeReads();
                }
            } catch (IOException e) {
                System.err.println(e);
            }
        }, OptionMap.EMPTY).resumeAccepts();
    }

    private static void tell(StreamConnection ship, Duty duty, String path) {
        try {
            String body = duty.answer(path);
            Channels.writeBlocking(ship.getSinkChannel(), ByteBuffer.wrap((HEAD + body.length() + "\r\n\r\n" + body).getBytes(StandardCharsets.UTF_8)));
            Channels.flushBlocking(ship.getSinkChannel());
            ship.getSourceChannel().resumeReads();
        } catch (IOException e) {
            System.err.println(e);
        }
    }
}
