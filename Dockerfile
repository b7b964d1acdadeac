# derain without PyTorch. To build it, to restore a photo, and to serve the page:
#     docker build -t derain .
#     docker run --rm -v "$PWD:/photos" derain image rain.jpg
#     docker run --rm -p 127.0.0.1:7860:7860 derain serve --host 0.0.0.0
FROM python:3.13-slim
COPY . /source
RUN python -m venv --without-pip /opt/derain
RUN python -m pip --python /opt/derain install --no-cache-dir --no-compile -r /source/requirements/small.txt
RUN python -m pip --python /opt/derain install --no-cache-dir --no-compile --no-deps /source
# Restores a known picture, and leaves the compiled Python of the modules that this takes.
RUN /opt/derain/bin/derain weights verify
RUN rm -r /source
ENV XDG_CACHE_HOME=/tmp/cache
WORKDIR /photos
ENTRYPOINT ["/opt/derain/bin/derain"]
