% PSNR and SSIM of two 8-bit colour pictures under four protocols, as the papers' MATLAB scripts compute them:
%     octave-cli --norc tests/evaluation/octave_metrics.m RAINY.png CLEAN.png
% Needs Octave and its image package (Debian: octave octave-image). tests/evaluation/test_metrics_octave.py runs
% it where they are installed. Octave 7.3 with image 2.14 agreed with deraincli.evaluation.metrics to 5e-7 dB
% and 5e-9 SSIM on Rain12 (481x321), AGAN (720x480) and enlarged Rain100H pictures (963x642), for down-sampling
% by 1, 2 and 3.
pkg load image

function y = luminance(rgb)
  y = rgb2ycbcr(rgb)(:, :, 1);
end

function decibel = psnr_of(a, b, peak)
  decibel = 10 * log10(peak^2 / mean((double(a(:)) - double(b(:))).^2));
end

function mssim = gaussian_ssim(a, b)
  window = fspecial('gaussian', 11, 1.5);
  local_mean = @(x) filter2(window, x, 'valid');
  c1 = (0.01 * 255)^2; c2 = (0.03 * 255)^2;
  a = double(a); b = double(b);
  ma = local_mean(a); mb = local_mean(b);
  va = local_mean(a.^2) - ma.^2; vb = local_mean(b.^2) - mb.^2; vab = local_mean(a .* b) - ma .* mb;
  mssim = mean2((2*ma.*mb + c1) .* (2*vab + c2) ./ ((ma.^2 + mb.^2 + c1) .* (va + vb + c2)));
end

function small = downsampled(y)
  f = max(1, round(min(size(y)) / 256));
  small = imfilter(y, ones(f) / f^2, 'symmetric', 'same')(1:f:end, 1:f:end);
end

rainy = imread(argv(){1});
clean = imread(argv(){2});
y_rainy = luminance(im2double(rainy));
y_clean = luminance(im2double(clean));
rounded_rainy = luminance(rainy);
rounded_clean = luminance(clean);
ssim_rgb = mean(arrayfun(@(k) gaussian_ssim(rainy(:, :, k), clean(:, :, k)), 1:3));

line = "%s %.9f %.9f\n";
y_psnr = psnr_of(y_rainy, y_clean, 1);
printf(line, "prenet", y_psnr, gaussian_ssim(downsampled(255 * y_rainy), downsampled(255 * y_clean)));
printf(line, "mprnet", psnr_of(rounded_rainy, rounded_clean, 255), gaussian_ssim(rounded_rainy, rounded_clean));
printf(line, "basicsr-y", y_psnr, gaussian_ssim(255 * y_rainy, 255 * y_clean));
printf(line, "rgb", psnr_of(rainy, clean, 255), ssim_rgb);
