// A WHIP publisher (RFC 9725) of the browser's camera and microphone; see tests/it/whip.rs.
// Evaluated in a page that may use them (Chromium's fake ones), it defines window.WhipPublisher.

window.WhipPublisher = class {
  /** Offers the camera in one codec, such as 'video/AV1', and the microphone where `audio` is set. */
  async offer({ codec, audio = false, width = 640, height = 360 }) {
    this.media = await navigator.mediaDevices.getUserMedia({ video: { width, height, frameRate: 20 }, audio });
    this.pc = new RTCPeerConnection();
    for (const track of this.media.getTracks()) {
      const transceiver = this.pc.addTransceiver(track, { direction: 'sendonly', streams: [this.media] });
      if (track.kind === 'video') {
        const { codecs } = RTCRtpSender.getCapabilities('video');
        transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => [codec, 'video/rtx'].includes(mimeType)));
        this.video = transceiver.sender;
      }
    }
    await this.pc.setLocalDescription();
    return this.pc.localDescription.sdp;
  }

  accept(sdp) {
    return this.pc.setRemoteDescription({ type: 'answer', sdp });
  }

  /** Publishes to a WHIP endpoint; candidates trickle in one PATCH when all are known. */
  async publish(url, options) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: await this.offer(options),
    });
    const body = await response.text();
    if (response.status !== 201) throw new Error(`WHIP answered ${response.status}: ${body}`);
    this.session = new URL(response.headers.get('Location'), new URL(url, document.baseURI)).href;
    this.etag = response.headers.get('ETag');
    await this.accept(body);
    return this.trickle(this.etag);
  }

  /** Sends the fragment of the present ICE session (RFC 8840); gives the status. */
  async trickle(ifMatch) {
    await new Promise((done) => {
      const look = () => this.pc.iceGatheringState === 'complete' && done();
      this.pc.addEventListener('icegatheringstatechange', look);
      look();
    });
    const body = this.#fragment(this.pc.localDescription.sdp);
    const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': ifMatch };
    const response = await fetch(this.session, { method: 'PATCH', headers, body });
    this.answered = { etag: response.headers.get('ETag'), fragment: await response.text() };
    return response.status;
  }

  /** Restarts ICE over WHIP; gives the status. */
  async restart() {
    const offer = await this.pc.createOffer({ iceRestart: true });
    const answer = this.pc.remoteDescription.sdp;
    await this.pc.setLocalDescription(offer);
    const status = await this.trickle('*');
    if (status !== 200) return status;
    const value = (text, name) => text.match(new RegExp(`a=${name}:(.*)`))[1].trim();
    const { fragment } = this.answered;
    const lines = answer.split('\r\n').filter((line) => !/^a=(candidate|end-of-candidates)/.test(line));
    const candidates = fragment.split('\r\n').filter((line) => line.startsWith('a=candidate'));
    const place = lines.findIndex((line) => line.startsWith('a=ice-pwd')) + 1;
    lines.splice(place, 0, ...candidates);
    await this.accept(
      lines
        .join('\r\n')
        .replace(/a=ice-ufrag:.*/g, `a=ice-ufrag:${value(fragment, 'ice-ufrag')}`)
        .replace(/a=ice-pwd:.*/g, `a=ice-pwd:${value(fragment, 'ice-pwd')}`),
    );
    return status;
  }

  #fragment(sdp) {
    const wanted = /^(a=ice-ufrag|a=ice-pwd|m=|a=mid|a=candidate|a=end-of-candidates)/;
    const [, first] = sdp.split(/^(?=m=)/m);
    return `${first.split('\r\n').filter((line) => wanted.test(line)).join('\r\n')}\r\n`;
  }

  /** Makes the camera send smaller pictures, as phones do in bad networks. */
  async scale(by) {
    const parameters = this.video.getParameters();
    parameters.encodings[0].scaleResolutionDownBy = by;
    await this.video.setParameters(parameters);
  }

  /** getStats(), cut down to the connection and what goes out. */
  async stats() {
    const report = await this.pc.getStats();
    const result = { connectionState: this.pc.connectionState };
    for (const entry of report.values()) {
      if (entry.type === 'outbound-rtp') {
        result[entry.kind] = { ...entry, codec: report.get(entry.codecId)?.mimeType ?? null };
      }
    }
    return result;
  }

  /** Ends the session as a well-behaved publisher does; gives the status of the DELETE. */
  async close() {
    const { status } = await fetch(this.session, { method: 'DELETE' });
    this.vanish();
    return status;
  }

  /** Ends without a word to the server. */
  vanish() {
    this.media.getTracks().forEach((track) => track.stop());
    this.pc.close();
  }
};
