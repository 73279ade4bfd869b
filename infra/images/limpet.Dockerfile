# The whole control plane in one image: server, gateway, console, wrapping.
#   docker run -d -p 8443:8443 -p 8444:8444 -v limpet-data:/data \
#     -e LIMPET_SERVER_URL=https://limpet.example:8443 -e LIMPET_GATEWAY_URL=https://limpet.example:8444 limpet:VERSION
FROM scratch
COPY limpet /limpet
ENV LIMPET_DATA=/data LIMPET_LISTEN=:8443 LIMPET_GATEWAY_LISTEN=:8444
VOLUME /data
EXPOSE 8443 8444
ENTRYPOINT ["/limpet"]
CMD ["server"]
