# SPDX-License-Identifier: Apache-2.0
"""Sending a request to a node once, over grpc.aio. Channels are opened when first needed."""
import grpc
import grpc.aio

from firn.diagnosis import AttemptFailed, Reason

# A node that comes back is to be found within a second, and no proxy of the environment stands
# between a cluster and its clients. The node bounds what it sends.
_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
)


def _number(text):
    return int(text) if text.isascii() and text.isdigit() else 0


def failure_of(error):
    """The AttemptFailed of a grpc.aio.AioRpcError."""
    trailers = {name: value for name, value in (error.trailing_metadata() or ())
                if isinstance(value, str)}
    try:
        reason = Reason.Reason.Value(trailers.get("firn-reason", "REASON_UNSPECIFIED"))
    except ValueError:
        reason = Reason.REASON_UNSPECIFIED  # Of a later version.
    return AttemptFailed(code=error.code(), text=error.details() or "", reason=reason,
                         leader=trailers.get("firn-leader", ""),
                         retry_after=_number(trailers.get("firn-retry-after-ms", "")) / 1000)


def _metadata(may_forward):
    return () if may_forward else (("firn-forward", "no"),)


class GrpcTransport:
    def __init__(self, tls=None):
        self._credentials = tls and grpc.ssl_channel_credentials(tls.authorities, tls.key,
                                                                 tls.certificate)
        self._channels = {}

    def _channel(self, endpoint):
        if endpoint not in self._channels:
            self._channels[endpoint] = (
                grpc.aio.secure_channel(endpoint, self._credentials, options=_CHANNEL_OPTIONS)
                if self._credentials else
                grpc.aio.insecure_channel(endpoint, options=_CHANNEL_OPTIONS))
        return self._channels[endpoint]

    async def send(self, endpoint, method, request, *, timeout, may_forward):
        """The response, or AttemptFailed."""
        call = self._channel(endpoint).unary_unary(
            method.path, request_serializer=type(request).SerializeToString,
            response_deserializer=method.response.FromString)
        try:
            return await call(request, timeout=timeout, metadata=_metadata(may_forward))
        except grpc.aio.AioRpcError as error:
            raise failure_of(error) from error

    async def stream(self, endpoint, method, request, *, timeout):
        """Yields responses as they come; ends in AttemptFailed when the stream breaks."""
        call = self._channel(endpoint).unary_stream(
            method.path, request_serializer=type(request).SerializeToString,
            response_deserializer=method.response.FromString)
        try:
            async for response in call(request, timeout=timeout, metadata=_metadata(False)):
                yield response
        except grpc.aio.AioRpcError as error:
            raise failure_of(error) from error

    async def close(self):
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()
