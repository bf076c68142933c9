# One image for gateway and worker: the command tells them apart.
FROM python:3.11-slim AS build
WORKDIR /src
COPY locks/run.txt locks/run.txt
RUN python -m venv /opt/networkcore \
 && /opt/networkcore/bin/pip install --no-cache-dir --require-hashes -r locks/run.txt \
 && /opt/networkcore/bin/pip install --no-cache-dir "setuptools>=80"
COPY pyproject.toml README.md ./
COPY ocpi ocpi
COPY pnc pnc
COPY settlement settlement
COPY gateway gateway
RUN /opt/networkcore/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --create-home --home-dir /var/lib/networkcore networkcore
COPY --from=build /opt/networkcore /opt/networkcore
ENV PATH=/opt/networkcore/bin:$PATH NETWORKCORE_HOST=0.0.0.0 NETWORKCORE_DATA_DIR=/var/lib/networkcore/data
USER networkcore
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["networkcore", "serve"]
