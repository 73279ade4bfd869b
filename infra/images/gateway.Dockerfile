# The exposed tier alone: no database, no console, no Vault client.
FROM scratch
COPY limpet-gateway /limpet-gateway
EXPOSE 8444
USER 65532:65532
ENTRYPOINT ["/limpet-gateway"]
