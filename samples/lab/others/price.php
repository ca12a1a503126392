<?php
/** A price in the customer's session; the pricing service is asked while the session is open. */
function fetch_price(string $sku): string
{
    [$host, $port] = explode(':', getenv('PRICING'));
    $service = fsockopen($host, (int) $port);
    fwrite($service, "GET /price/$sku HTTP/1.0\r\n\r\n");
    return fgets($service);
}

if (isset($_GET['basket'])) {
    session_id($_GET['basket']);
    session_start();
    $_SESSION['seen'] = ($_SESSION['seen'] ?? 0) + 1;
}
echo isset($_GET['sku']) ? fetch_price($_GET['sku']) : "ok\n";
